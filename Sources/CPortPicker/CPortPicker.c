// The header in `include` is all that programs see of the C library. Its functions are
// in the target PortPickerC, which uses its types.

#include "portpicker.h"

// Padding at the end could become part of a field that is added.
_Static_assert(sizeof(struct pp_options) ==
                   offsetof(struct pp_options, flags) + sizeof(uint64_t),
               "struct pp_options has padding at its end");
