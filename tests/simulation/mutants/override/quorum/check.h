#pragma once

#include <stdexcept>
#include <string>

// CHECK for the mutants: a mutant that trips over an assertion is caught, and the program goes on
// with the next one. Stands before quorum/check.h in the include path.
namespace regent {

struct CheckFailed : std::logic_error {
  using std::logic_error::logic_error;
};

}  // namespace regent

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) [[unlikely]] {                                             \
      throw ::regent::CheckFailed(std::string("internal error: ") + #condition); \
    }                                                                            \
  } while (false)
