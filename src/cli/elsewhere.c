#include "cli/elsewhere.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/nft.h"
#include "control/plan.h"

/* A TUN device has a carrier as long as a process is attached to it, and goes with that. */
static bool is_held(const char *device)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_running;

	if (fd < 0)
		return false;
	string_copy(request.ifr_name, sizeof(request.ifr_name), device);
	is_running =
	    ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return is_running;
}

bool elsewhere_runs(void)
{
	/* Of a daemon that was killed the control socket may go first, and the device a moment
	 * later; there is no event to wait for. */
	for (int i = 0; i < 10; i++) {
		if (!is_held(PLAN_DEVICE))
			return false;
		usleep(50000);
	}
	return nft_has_table();
}

int elsewhere_refuse(const struct cli *cli)
{
	return cli_fail("a gateway runs in this network, but does not listen in %s; set IPSEC_RUNDIR "
	                "as it was when that one was started (ps -C wildswand -o args tells it)",
	                cli->rundir);
}
