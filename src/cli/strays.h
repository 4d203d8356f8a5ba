#pragma once
/* Files in ipsec.d/policies that no group reads: most likely a name that is not quite right. */
#include "cli/files.h"

/* Warns of each, with the name that is nearest. Hidden files and those with a dot or ~ are not
 * meant. */
void strays_warn(const struct cli *cli, const struct conf *conf);
