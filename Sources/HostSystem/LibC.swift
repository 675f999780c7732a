// The C library, for every file of this module and for those who import it.
@_exported public import Glibc
