// A program that prints a number: what a command cannot be faster than.

#include <stdio.h>

int main(void) {
  puts("25000");
  return 0;
}
