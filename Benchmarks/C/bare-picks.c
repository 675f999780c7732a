// bare-picks LEDGER PROCESSES PICKS: the system calls of that many embedded picks
// in each of so many processes that share a ledger. Prints the microseconds for a
// pick, all processes together.

#include <BareCalls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 4) return 64;
  int processes = atoi(arguments[2]), picks = atoi(arguments[3]);
  int gate[2];
  if (pipe(gate) != 0) return 1;
  for (int i = 0; i < processes; i++) {
    if (fork() != 0) continue;
    close(gate[1]);
    int ledger = bare_open_ledger(arguments[1]);
    char nothing;
    if (ledger < 0 || read(gate[0], &nothing, 1) < 0) _exit(1);
    for (int k = 0; k < picks; k++)
      if (bare_pick(ledger, arguments[1], 9999) == 0) _exit(1);
    _exit(0);
  }
  double start = bare_microseconds();
  close(gate[0]);
  close(gate[1]);
  int status, failures = 0;
  while (wait(&status) > 0) failures += status != 0;
  printf("%f\n", (bare_microseconds() - start) / (processes * (double)picks));
  return failures != 0;
}
