#include "learn/guarded.h"

#include <exception>
#include <new>
#include <string>

#include <c10/util/Exception.h>

namespace skiptrain::learn {

Error error_of_exception(const char* what) {
  const std::string prefix = std::string(what) + ": ";
  try {
    throw;
  } catch (const Refusal& refusal) {
    return refusal.error();
  } catch (const c10::Error& error) {
    return {ErrorCode::kInternal, prefix + "LibTorch: " + error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kResourceExhausted, prefix + "out of memory"};
  } catch (const std::exception& error) {
    return {ErrorCode::kInternal, prefix + error.what()};
  }
}

}  // namespace skiptrain::learn
