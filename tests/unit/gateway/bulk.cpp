#include "tests/unit/gateway/bulk.h"

#include <fcntl.h>

#include <filesystem>

#include "region/splice_pipe.h"

namespace regent::test {

std::string numbered(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 16);
  for (std::size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i) + '.';
  text.resize(bytes);
  return text;
}

std::size_t pipe_ends() {
  std::size_t ends = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    if (::fcntl(fd, F_GETPIPE_SZ) == static_cast<int>(SplicePipe::kBytes)) ++ends;
  }
  return ends;
}

}  // namespace regent::test
