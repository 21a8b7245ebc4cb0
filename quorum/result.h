#pragma once

#include <string>
#include <utility>
#include <variant>

#include "quorum/check.h"

namespace regent {

// What kind of thing went wrong, for code that reacts differently to different failures.
// The text is for people; nothing parses it.
enum class ErrorCode {
  invalid,      // input that can never be accepted: a file, a flag, a frame, a certificate
  io,           // the operating system refused: disk, socket, file
  corrupt,      // stored data does not read back as what was written
  refused,      // a rule of safety or identity says no
  timed_out,
  unavailable,  // not now: no quorum, peer down, resource taken
};

// A failure the world caused. `message` says what, where and what to do about it.
struct Error {
  ErrorCode code = ErrorCode::invalid;
  std::string message;
};

// A value or an Error. Whoever gets one must look at it.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value: `return Done{};`
struct Done {};
using Status = Result<Done>;

}  // namespace regent
