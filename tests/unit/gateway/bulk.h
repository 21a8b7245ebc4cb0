#pragma once

#include <cstddef>
#include <string>

// For tests of what goes through pipes of the kernel.
namespace regent::test {

// Text in which every place is recognised.
std::string numbered(std::size_t bytes);

// Ends of splice pipes that this process has open.
std::size_t pipe_ends();

}  // namespace regent::test
