#define _GNU_SOURCE

#include "BareCalls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int bind_and_close(int type, uint16_t port) {
  int socket_ = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return 0;
  // An IPv6 socket that refuses IPv4 would miss every IPv4 socket on the port, and
  // net.ipv6.bindv6only can make that the default at any time.
  int only_ipv6 = 0;
  socklen_t size = sizeof only_ipv6;
  getsockopt(socket_, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, &size);
  if (only_ipv6) {
    only_ipv6 = 0;
    setsockopt(socket_, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, size);
  }
  struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                 .sin6_port = htons(port)};
  int result = bind(socket_, (struct sockaddr *)&address, sizeof address);
  close(socket_);
  return result == 0;
}

int bare_is_free(uint16_t port) {
  return bind_and_close(SOCK_STREAM, port) && bind_and_close(SOCK_DGRAM, port);
}

uint16_t bare_bind_any(void) {
  int socket_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6};
  socklen_t length = sizeof address;
  bind(socket_, (struct sockaddr *)&address, sizeof address);
  getsockname(socket_, (struct sockaddr *)&address, &length);
  close(socket_);
  return ntohs(address.sin6_port);
}

enum { header_size = 64, record_size = 32, page_size = 4096 };

int bare_open_ledger(const char *path) {
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0 && ftruncate(file, header_size + 65535 * record_size) != 0) {
    close(file);
    return -1;
  }
  return file;
}

uint16_t bare_pick(int ledger, const char *path, uint16_t last) {
  static _Thread_local char page[page_size];
  char header[header_size], record[record_size] = {1};
  struct stat status;
  flock(ledger, LOCK_EX);
  stat(path, &status);
  if (pread(ledger, header, sizeof header, 0) < 0) return 0;
  // The last port stands in the header: processes pick one after another.
  uint16_t port;
  memcpy(&port, header, sizeof port);
  if (port < last) port = last;
  off_t offset;
  do {
    port++;
    offset = header_size + (off_t)(port - 1) * record_size;
    if (pread(ledger, page, page_size, offset / page_size * page_size) < 0)
      return 0;
  } while (!bare_is_free(port));
  if (pwrite(ledger, record, sizeof record, offset) < 0) return 0;
  memcpy(header, &port, sizeof port);
  if (pwrite(ledger, header, sizeof header, 0) < 0) return 0;
  flock(ledger, LOCK_UN);
  return port;
}

socklen_t bare_address(const char *name, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(name);
  if (length >= sizeof address->sun_path) length = sizeof address->sun_path - 1;
  memcpy(address->sun_path, name, length);
  if (name[0] == '@') address->sun_path[0] = 0;
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

double bare_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}
