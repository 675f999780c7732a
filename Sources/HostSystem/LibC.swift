// The C library, for every file of this module and every module that imports it.
@_exported public import Glibc
