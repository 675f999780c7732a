import Hummingbird

/// The app: it answers `GET /hello`.
public func greeter() -> Router<BasicRequestContext> {
  let router = Router()
  router.get("hello") { _, _ in "hello" }
  return router
}
