#include "opportunism/dealing.h"

static unsigned tenth_at_most(unsigned margin_s, unsigned lifetime_s)
{
	return margin_s < lifetime_s / 10 ? margin_s : lifetime_s / 10;
}

static void fill_lifetimes(struct ike_lifetimes *life, const struct conn_dealings *d)
{
	if (d->ikelifetime_s != 0)
		life->ike_s = d->ikelifetime_s;
	if (d->keylife_s != 0)
		life->child_s = d->keylife_s;
	if (d->has_rekeyfuzz)
		life->fuzz_percent = d->rekeyfuzz_percent;
	if (d->rekeymargin_s != 0) {
		life->margin_s = d->rekeymargin_s;
	} else if (d->ikelifetime_s != 0 || d->keylife_s != 0) {
		/* RKY-5 */
		life->margin_s = tenth_at_most(life->margin_s, life->child_s);
		life->margin_s = tenth_at_most(life->margin_s, life->ike_s);
	}
	life->rekey = !d->has_no_rekey;
}

void profile_of_conn(struct ike_profile *out, const struct conn *conn,
                     const struct conf_setup *setup)
{
	const struct conn_dealings *d = &conn->dealings;

	*out = ike_profile_default;
	fill_lifetimes(&out->life, d);
	out->pfs = !d->has_no_pfs;
	out->dpd_delay_s = d->dpddelay_s;
	out->dpd_timeout_s = d->dpdtimeout_s;
	out->encapsulation = d->encapsulation;
	out->unique = !setup->has_shared_ids;
}
