#include "util/test.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/writer.h"

/* A disk that writes when it is told to, or when a test went wrong. */
struct disk {
	sem_t begun, may_end;
	int written[8];
	int count;
	bool was_stuck;
};

static int freed;

static bool wait_for(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	return sem_timedwait(sem, &until) == 0;
}

static void write_slowly(void *ctx, const void *state)
{
	struct disk *disk = ctx;

	sem_post(&disk->begun);
	disk->was_stuck |= !wait_for(&disk->may_end);
	disk->written[disk->count++] = *(const int *)state;
}

static void free_state(void *state)
{
	__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
	free(state);
}

static void put(struct writer_thread *t, int number)
{
	int *state = new_zeroed(sizeof(*state));

	*state = number;
	writer_put(t, state);
}

/* TRU-9 */
static void a_slow_disk_stalls_nobody_and_gets_the_newest(void **state)
{
	struct disk disk = { 0 };
	struct writer_thread *t;

	sem_init(&disk.begun, 0, 0);
	sem_init(&disk.may_end, 0, 0);
	freed = 0;
	t = writer_start(&(struct writer_calls){ &disk, write_slowly, free_state });
	assert_non_null(t);
	put(t, 1);
	assert_true(wait_for(&disk.begun));
	for (int i = 2; i <= 4; i++)
		put(t, i); /* while the first is being written */
	sem_post(&disk.may_end);
	sem_post(&disk.may_end);
	writer_finish(t);
	assert_false(disk.was_stuck);
	assert_int_equal(disk.count, 2);
	assert_int_equal(disk.written[0], 1);
	assert_int_equal(disk.written[1], 4);
	assert_int_equal(freed, 4);
	sem_destroy(&disk.begun);
	sem_destroy(&disk.may_end);
}

static void what_waits_at_the_end_is_written(void **state)
{
	struct disk disk = { 0 };
	struct writer_thread *t;

	sem_init(&disk.begun, 0, 0);
	sem_init(&disk.may_end, 0, 1);
	t = writer_start(&(struct writer_calls){ &disk, write_slowly, free_state });
	assert_non_null(t);
	put(t, 7);
	writer_finish(t);
	assert_int_equal(disk.count, 1);
	assert_int_equal(disk.written[0], 7);
	sem_destroy(&disk.begun);
	sem_destroy(&disk.may_end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_disk_stalls_nobody_and_gets_the_newest),
		cmocka_unit_test(what_waits_at_the_end_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
