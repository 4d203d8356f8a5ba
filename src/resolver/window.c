#include "resolver/window.h"

unsigned window_adapt(unsigned window, struct duration lag, struct duration work)
{
	if (lag.ns > WINDOW_LAG.ns && work.ns > WINDOW_LAG.ns)
		window -= window / 8;
	else
		window += WINDOW_STEP;
	if (window < WINDOW_LEAST)
		return WINDOW_LEAST;
	return window > WINDOW_MOST ? WINDOW_MOST : window;
}
