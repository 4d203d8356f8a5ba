#pragma once
/*
 * Known answers, asked before the first packet: a crypto library that is built, configured or
 * patched in a way that changes an answer, or lacks an algorithm, is found at start with a clear
 * line, not as a peer that never agrees. It also brings the algorithms into memory, so that the
 * first negotiation does not wait for them (0.5 ms each side).
 */

/* NULL: all is well; else the name of what gave a wrong answer or is missing. */
const char *crypto_selftest(void);
