#pragma once

#include <map>  // for what mutants remember
#include <type_traits>

// The switch that woven sources ask (weave.py): which mutant runs in this thread. Test builds only.
namespace regent::mutants {

// Place in the generated kMutants, from 1; 0: none, and the code is as written.
inline constinit thread_local int active = 0;

constexpr bool on(int mutant) {
  return !std::is_constant_evaluated() && active == mutant;
}

}  // namespace regent::mutants
