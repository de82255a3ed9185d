// Result<T>: a value, or the one line that tells the user why there is none.
//
// Fathom has three kinds of failure. Bad input (a file, a prompt, a flag) is an Error value that
// travels up with context. A broken promise of the program itself is a FATHOM_CHECK (check.h).
// Nothing below cli/ prints or exits.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace fathom::base {

/// Why an operation on outside input failed: one line that names the file, tensor, field or flag.
struct Error {
  std::string message;
};

/// Makes an Error from a format string: `return base::MakeError("{}: too short", path);`
template <typename... Args>
Error MakeError(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

/// Either a T or an Error. value() and error() may be called only when they exist.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    FATHOM_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    FATHOM_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    FATHOM_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    FATHOM_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    FATHOM_CHECK(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace fathom::base

#define FATHOM_CONCAT_INNER(a, b) a##b
#define FATHOM_CONCAT(a, b) FATHOM_CONCAT_INNER(a, b)

/// FATHOM_TRY(status_expression): returns the error from the enclosing function, if there is one.
#define FATHOM_TRY(expression) \
  if (auto fathom_status = (expression); !fathom_status.ok()) return fathom_status.error()

/// FATHOM_ASSIGN(auto x, result_expression): declares x from the value, or returns the error.
#define FATHOM_ASSIGN(declaration, expression) \
  FATHOM_ASSIGN_IMPL(FATHOM_CONCAT(fathom_result_, __LINE__), declaration, expression)
#define FATHOM_ASSIGN_IMPL(name, declaration, expression) \
  auto name = (expression);                               \
  if (!name.ok()) return name.error();                    \
  declaration = std::move(name).value()
