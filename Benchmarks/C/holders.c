// holders COUNT: so many processes that do nothing. Prints their pids, a line
// each; they end when standard input does.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
  int holders = count > 1 ? atoi(arguments[1]) : 0;
  pid_t *pids = calloc((size_t)holders + 1, sizeof *pids);
  for (int i = 0; i < holders; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    if (pids[i] < 0) {
      perror("fork");
      return 1;
    }
    printf("%d\n", pids[i]);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  for (int i = 0; i < holders; i++) kill(pids[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  return 0;
}
