// floor-server ADDRESS FIRST LAST: a port server that does nothing but accept,
// read, two binds, reply, close. It leases nothing, checks nobody, and writes
// nothing down.
//
// To who asks by version 2 it listens until that one hangs up, and to nobody else.

#define _GNU_SOURCE

#include <BareCalls.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count != 4) return 64;
  int first = atoi(arguments[2]), last = atoi(arguments[3]), port = first;
  struct sockaddr_un address;
  socklen_t length = bare_address(arguments[1], &address);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
      listen(listener, 4096) != 0)
    return 1;
  puts("ready");
  fflush(stdout);
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    char text[64];
    int is_kept = 1;
    while (is_kept && read(client, text, sizeof text) > 0) {
      is_kept = text[0] == 'l';
      do {
        if (++port > last) port = first;
      } while (!bare_is_free((uint16_t)port));
      int size =
          snprintf(text, sizeof text, is_kept ? "ok %d\n" : "%d\n", port);
      send(client, text, (size_t)size, MSG_NOSIGNAL);
    }
    close(client);
  }
}
