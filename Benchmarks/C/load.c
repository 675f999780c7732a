// load ADDRESS CLIENTS REQUESTS VERSION PORTS [PID]: so many clients at a time
// ask a port server for ports for one process, this one unless it is named.
//
// By version 1, each request is a connection of its own. By version 2, a client
// keeps its connection, and asks for PORTS ports at a time.
//
// Prints: requests a second, then the latency's median, 99th percentile and
// maximum in microseconds, then how many were refused.

#define _GNU_SOURCE

#include <BareCalls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_value(const void *one, const void *other) {
  double x = *(const double *)one, y = *(const double *)other;
  return (x > y) - (x < y);
}

static struct sockaddr_un address;
static socklen_t address_length;

static int open_connection(void) {
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(client, (struct sockaddr *)&address, address_length) != 0) {
    perror("connect");
    _exit(1);
  }
  return client;
}

// Receives up to a line end. Returns whether it begins with a port, or ok.
static int answer(int client) {
  char text[2048];
  size_t size = 0;
  do {
    ssize_t count = recv(client, text + size, sizeof text - size, 0);
    if (count <= 0) return 0;
    size += (size_t)count;
  } while (text[size - 1] != '\n');
  return text[0] != 'e';
}

int main(int count, char **arguments) {
  if (count < 6) return 64;
  int clients = atoi(arguments[2]), total = atoi(arguments[3]);
  int version = atoi(arguments[4]), ports = atoi(arguments[5]);
  int each = total / clients, all = each * clients;
  int pid = count > 6 ? atoi(arguments[6]) : getpid();
  address_length = bare_address(arguments[1], &address);
  size_t size = sizeof(double) * (size_t)all;
  double *latencies = mmap(NULL, size + sizeof(int), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int *refused = (int *)(void *)((char *)latencies + size);
  char request[64];
  int request_size =
      version == 2
          ? snprintf(request, sizeof request, "lease pid=%d count=%d\n", pid,
                     ports)
          : snprintf(request, sizeof request, "%d\n", pid);
  int gate[2];
  if (pipe(gate) != 0) return 1;
  for (int i = 0; i < clients; i++) {
    if (fork() != 0) continue;
    close(gate[1]);
    char nothing;
    if (read(gate[0], &nothing, 1) < 0) _exit(1);
    int client = version == 2 ? open_connection() : -1;
    for (int k = 0; k < each; k++) {
      double start = bare_microseconds();
      if (version != 2) client = open_connection();
      send(client, request, (size_t)request_size, MSG_NOSIGNAL);
      if (!answer(client)) __sync_fetch_and_add(refused, 1);
      if (version != 2) close(client);
      latencies[i * each + k] = bare_microseconds() - start;
    }
    _exit(0);
  }
  double start = bare_microseconds();
  close(gate[0]);
  close(gate[1]);
  int status, failures = 0;
  while (wait(&status) > 0) failures += status != 0;
  double time = bare_microseconds() - start;
  qsort(latencies, (size_t)all, sizeof(double), by_value);
  printf("%f %f %f %f %d\n", all / time * 1e6, latencies[all / 2],
         latencies[(size_t)(all * 0.99)], latencies[all - 1], *refused);
  return failures != 0;
}
