#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

// Help for a mistyped word.
namespace regent {

// "a, b or c"
std::string one_of(std::initializer_list<std::string_view> names);

// "did you mean 'weight'?" when a known word is near, else "known here are a, b and c".
std::string suggest(std::string_view word, std::initializer_list<std::string_view> known);

}  // namespace regent
