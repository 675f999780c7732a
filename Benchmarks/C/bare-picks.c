// bare-picks LEDGER PROCESSES THREADS PICKS: the system calls of that many embedded
// picks in each of so many threads of so many processes that share a ledger. Prints
// the microseconds for a pick, all of them together.

#include <BareCalls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static int picks;

static void *pick(void *ledger) {
  for (int k = 0; k < picks; k++)
    if (bare_pick(*(int *)ledger, path, 9999) == 0) _exit(1);
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 5) return 64;
  path = arguments[1];
  int processes = atoi(arguments[2]), threads = atoi(arguments[3]);
  picks = atoi(arguments[4]);
  int gate[2];
  if (pipe(gate) != 0) return 1;
  for (int i = 0; i < processes; i++) {
    if (fork() != 0) continue;
    close(gate[1]);
    // The lock is an open file's: each thread needs one.
    int ledgers[threads];
    for (int k = 0; k < threads; k++)
      if ((ledgers[k] = bare_open_ledger(path)) < 0) _exit(1);
    char nothing;
    if (read(gate[0], &nothing, 1) < 0) _exit(1);
    pthread_t others[threads];
    for (int k = 1; k < threads; k++)
      if (pthread_create(&others[k], NULL, pick, &ledgers[k]) != 0) _exit(1);
    pick(&ledgers[0]);
    for (int k = 1; k < threads; k++) pthread_join(others[k], NULL);
    _exit(0);
  }
  double start = bare_microseconds();
  close(gate[0]);
  close(gate[1]);
  int status, failures = 0;
  while (wait(&status) > 0) failures += status != 0;
  printf("%f\n", (bare_microseconds() - start) /
                     (processes * (double)threads * picks));
  return failures != 0;
}
