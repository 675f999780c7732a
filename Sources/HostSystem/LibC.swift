// The C library, for every file of this module and every module that imports it.
#if canImport(Glibc)
@_exported public import Glibc
#else
// Without Linux, CHostSystem.h says so first.
#error("swift-portpicker needs Linux with glibc")
#endif
