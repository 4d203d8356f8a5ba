#include "keeper/keeper.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/handover.h"
#include "control/keeper_wire.h"
#include "control/sealed.h"
#include "control/start.h"

struct reading {
	struct bundle *bundle;
	struct conf conf;
	struct secrets secrets;
	struct conf_messages messages;
};

/* As lines, with the directory left out as everywhere. */
static void tell_trouble(const struct keeper *keeper, const char *lines,
                         struct keeper_message *answer)
{
	answer->kind = KEEPER_TROUBLE;
	snprintf(answer->text, sizeof(answer->text), "%s", lines != NULL ? lines : "refused");
}

static bool hand_over(const struct reading *r, struct keeper_message *answer)
{
	json_t *json = json_pack("{s:o, s:o}", "conf", bundle_to_json(r->bundle), "secrets",
	                         handover_describe(&r->secrets));
	int sealed = handover_secrets(&r->secrets, answer->text, sizeof(answer->text));

	answer->fds[0] = start_pack(json);
	answer->fds[1] = sealed >= 0 ? sealed_token(sealed) : -1;
	json_decref(json);
	if (sealed >= 0)
		close(sealed);
	return answer->fds[0] >= 0 && answer->fds[1] >= 0;
}

/* False: the daemon is gone. */
static bool read_files(const struct keeper *keeper)
{
	struct keeper_message answer = { .kind = KEEPER_FILES, .fds = { -1, -1 } };
	struct reading r = { .bundle = bundle_new() };
	bool ok = start_read_conf(r.bundle, keeper->confs, false, &r.conf, &r.messages);

	ok = start_read_secrets(keeper->confs, &r.secrets, &r.messages) && ok;
	if (!ok)
		tell_trouble(keeper, r.messages.errors.s, &answer);
	else if (!hand_over(&r, &answer))
		tell_trouble(keeper, "no memory for the configuration", &answer);
	conf_wipe(&r.conf);
	secrets_wipe(&r.secrets);
	conf_messages_wipe(&r.messages);
	bundle_free(r.bundle);
	ok = keeper_send(keeper->daemon, &answer);
	keeper_message_close(&answer);
	return ok;
}

static bool load(const struct keeper *keeper, const struct keeper_message *asked)
{
	struct keeper_message secrets = { .kind = KEEPER_LOAD,
		                          .set = asked->set,
		                          .fds = { -1, -1 } };
	int token = asked->fds[0];
	bool ok;

	if (token >= 0)
		secrets.fds[0] = sealed_redeem(token);
	ok = keeper_send(keeper->signer, &secrets);
	keeper_message_close(&secrets);
	return ok;
}

/* False: the daemon is gone, or says what it never says. */
static bool serve(const struct keeper *keeper)
{
	struct keeper_message message;
	enum keeper_step step = keeper_receive(keeper->daemon, &message);
	bool ok;

	if (step != KEEPER_MESSAGE)
		return step == KEEPER_NOTHING;
	ok = message.kind == KEEPER_READ   ? read_files(keeper)
	     : message.kind == KEEPER_LOAD ? load(keeper, &message)
	                                   : false;
	keeper_message_close(&message);
	return ok;
}

void keeper_run(const struct keeper *keeper)
{
	struct pollfd ends[] = { { .fd = keeper->daemon, .events = POLLIN },
		                 { .fd = keeper->signer, .events = POLLIN } };
	bool ok = true;

	while (ok) {
		int n = ppoll(ends, ARRAY_LEN(ends), NULL, &keeper->waiting);

		if (*keeper->hangup) {
			*keeper->hangup = 0;
			keeper_hint(keeper->daemon);
		}
		if (n <= 0)
			continue;
		/* The signer never speaks here: what it can say is that it ended. */
		ok = ok && ends[1].revents == 0 && (ends[0].revents == 0 || serve(keeper));
	}
}
