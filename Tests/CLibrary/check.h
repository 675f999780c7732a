// A small test harness: each test runs in a process of its own, with a temporary
// directory, a ledger and a claims file in it, and no port server.

#ifndef CHECK_H
#define CHECK_H

#include <portpicker.h>
#include <stdbool.h>
#include <stddef.h>

// Defines a test, which main() runs.
#define TEST(name)                                                                   \
  static void name(void);                                                            \
  __attribute__((constructor)) static void add_##name(void) { add_test(#name, name); } \
  static void name(void)

// Ends the test as failed unless the condition is true.
#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) fail(__FILE__, __LINE__, #condition, message);                 \
  } while (0)

// Ends the test as failed unless a call returns `expected`, with a message exactly if
// that is an error.
#define CHECK_RESULT(expected, call)                                                 \
  do {                                                                               \
    int result_ = (call);                                                            \
    if (result_ != (expected) || (message[0] == 0) != (result_ == 0) ||              \
        strchr(message, '\n') != NULL)                                               \
      fail_result(__FILE__, __LINE__, #call, result_, expected, message);            \
  } while (0)

// The buffer of the last message, and the arguments that name it.
extern char message[PP_MESSAGE_SIZE];
#define MESSAGE message, sizeof message

void add_test(const char *name, void (*body)(void));
_Noreturn void fail(const char *file, int line, const char *condition,
                    const char *details);
_Noreturn void fail_result(const char *file, int line, const char *call, int result,
                           int expected, const char *details);
// Ends the test as skipped.
_Noreturn void skip(const char *reason);

// The test's temporary directory.
extern char directory[64];
// A path in it, valid until the test ends.
char *in_directory(const char *name);

// Consecutive ports of which no other test gets any, as a pool: FIRST-LAST. At most 50.
const char *test_pool(int count, int *first);

// How often to repeat what is random: fewer times under valgrind.
int repeats(int count);
// Whether valgrind runs the test.
bool is_slow(void);

// Starts a child; returns 0 in it. The child ends with the test.
int start_child(void);
// Waits for a child and checks that it has succeeded.
void check_child(int pid);

// Whether a socket can be bound to a port on every address, without SO_REUSEADDR.
bool can_bind(int port, int type);

#endif
