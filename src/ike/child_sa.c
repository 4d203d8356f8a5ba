#include "ike/child.h"

void child_sa_wipe(struct child_sa *child)
{
	secret_free(&child->key_in);
	secret_free(&child->key_out);
}
