/// How many descriptors this process, and those that it starts, may have open
/// (`RLIMIT_NOFILE`, getrlimit(2)).
package func descriptorLimit() -> Int {
  var limit = rlimit()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  guard getrlimit(resource, &limit) == 0 else { return 1024 }
  return Int(clamping: limit.rlim_cur)
}

/// Raises this process's limit on open descriptors as far as it may without
/// privilege (`RLIMIT_NOFILE`, setrlimit(2)).
///
/// - Returns: The limit from now on.
package func raiseDescriptorLimit() -> Int {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { return 1024 }
  if limit.rlim_cur < limit.rlim_max {
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if setrlimit(resource, &raised) == 0 { limit = raised }
  }
  return Int(clamping: limit.rlim_cur)
}
