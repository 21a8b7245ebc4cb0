#include "region/splice_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "quorum/check.h"

namespace regent {
namespace {

// Below this, where a user has too many pipes, copying is as good.
constexpr int kLeastBytes = 64 * 1024;

}  // namespace

std::unique_ptr<SplicePipe> SplicePipe::create() {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  std::unique_ptr<SplicePipe> pipe(new SplicePipe(ends[0], ends[1]));
  ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kBytes));
  if (::fcntl(ends[1], F_GETPIPE_SZ) < kLeastBytes) return nullptr;
  return pipe;
}

SplicePipe::~SplicePipe() {
  ::close(read_end_);
  ::close(write_end_);
}

ssize_t SplicePipe::fill(int socket) {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(kBytes, limit_));
  if (most == 0) {
    errno = EAGAIN;
    return -1;
  }
  const ssize_t moved =
      ::splice(socket, nullptr, write_end_, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved <= 0) return moved;
  size_ += static_cast<std::size_t>(moved);
  if (limit_ != kNoLimit) limit_ -= static_cast<std::uint64_t>(moved);
  return moved;
}

ssize_t SplicePipe::drain(int socket) {
  CHECK(size_ > 0);
  const ssize_t moved =
      ::splice(read_end_, nullptr, socket, nullptr, size_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) size_ -= static_cast<std::size_t>(moved);
  return moved;
}

std::unique_ptr<SplicePipe> SplicePipes::take() {
  if (taken_ >= kMaxPipes) return nullptr;
  std::unique_ptr<SplicePipe> pipe;
  if (kept_.empty()) {
    pipe = SplicePipe::create();
  } else {
    pipe = std::move(kept_.back());
    kept_.pop_back();
  }
  if (pipe) ++taken_;
  return pipe;
}

void SplicePipes::give_back(std::unique_ptr<SplicePipe> pipe) {
  if (!pipe) return;
  --taken_;
  pipe->set_limit(SplicePipe::kNoLimit);
  if (pipe->size() == 0) kept_.push_back(std::move(pipe));
}

}  // namespace regent
