#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <sys/types.h>

namespace regent {

// A pipe of the kernel through which bytes go from one plain TCP socket to another without being
// copied into this process and out again (splice(2)). It costs two descriptors and, while bytes
// are in it, up to kBytes of memory. One thread.
class SplicePipe {
 public:
  // What it holds at most; less where the system allows no more (fs.pipe-max-size), or where bytes
  // came in small pieces, of which each takes a page's place.
  static constexpr std::size_t kBytes = 1024 * 1024;

  // Null: the process has no descriptor left, or the user no memory for pipes.
  static std::unique_ptr<SplicePipe> create();
  ~SplicePipe();
  SplicePipe(const SplicePipe&) = delete;
  SplicePipe& operator=(const SplicePipe&) = delete;

  // Both never block where the socket does not, and answer as recv(2) and send(2) do: bytes moved,
  // 0 at the end of the socket's stream, -1 with errno. EAGAIN of fill() while bytes are in the
  // pipe may mean that it is full.
  ssize_t fill(int socket);
  // Not while size() is 0. SIGPIPE must be blocked or ignored.
  ssize_t drain(int socket);
  std::size_t size() const { return size_; }
  // From now on fill() takes no more than these bytes in all; then it finds none.
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  std::uint64_t limit() const { return limit_; }
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

 private:
  SplicePipe(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
  const int read_end_;
  const int write_end_;
  std::size_t size_ = 0;
  std::uint64_t limit_ = kNoLimit;
};

// One thread's pipes, kept for the next to need one.
class SplicePipes {
 public:
  static constexpr std::size_t kMaxPipes = 64;

  // Null: all are in use, or there can be no more now. The bytes are then copied.
  std::unique_ptr<SplicePipe> take();
  // An empty pipe is kept; one with bytes in it, which nobody wants any more, is closed.
  void give_back(std::unique_ptr<SplicePipe> pipe);

 private:
  std::size_t taken_ = 0;
  std::vector<std::unique_ptr<SplicePipe>> kept_;
};

}  // namespace regent
