// Functions of newer C libraries that the code below libportpicker.so refers to. With
// definitions of its own, the library needs glibc 2.34, not 2.35. Nothing exports them.

#include <stddef.h>

// libm has had it for long, but a version without an error handler is from 2.35. Swift's
// runtime uses it for complex numbers, which the library does not have. Squares of
// floats are exact in a double, and do not overflow.
float hypotf(float x, float y) {
  if (__builtin_isinf(x) || __builtin_isinf(y)) return __builtin_inff();
  return (float)__builtin_sqrt((double)x * x + (double)y * y);
}

struct dl_find_object;

// libgcc asks it for the frames of a C++ exception, or of a backtrace. Nothing in the
// library catches exceptions, so it need not find any frame: std::terminate() is called
// at once.
int _dl_find_object(void *address, struct dl_find_object *result) {
  (void)address;
  (void)result;
  return -1;
}
