#include "gateway/cli/local_supervisor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gateway/cli/admin_client.h"
#include "region/clock.h"

namespace regent::cli {
namespace {

ProcessGroup::State child_state(ProcessFaultBook::State state) {
  switch (state) {
    case ProcessFaultBook::State::running:
      return ProcessGroup::State::running;
    case ProcessFaultBook::State::paused:
      return ProcessGroup::State::paused;
    case ProcessFaultBook::State::stopped:
      return ProcessGroup::State::stopped;
  }
  CHECK(false);
}

}  // namespace

LocalSupervisor::~LocalSupervisor() {
  for (const int end : ends_) {
    if (end >= 0) close(end);
  }
}

Status LocalSupervisor::open(Children children) {
  children_ = std::move(children);
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_) != 0) {
    return Error{ErrorCode::io, std::string("cannot make a socket: ") + std::strerror(errno)};
  }
  group_.attend(
      ends_[0], [this] { return turn(); },
      [this](const std::string& ended) {
        for (const auto& [process, child] : children_) {
          if (child == ended) book_.forget(process);
        }
        apply(boot_now());
      });
  return Done{};
}

Instant LocalSupervisor::turn() {
  const Instant now = boot_now();
  while (const auto faults = receive_process_faults(ends_[0])) {
    if (faults->ok()) {
      book_.take(**faults, now);
    } else {
      complain("local", "what a gateway asked for is left undone: " + faults->error().message);
    }
  }
  book_.expire(now);
  apply(now);
  return book_.next_deadline();
}

void LocalSupervisor::apply(Instant now) {
  // Who does not run cannot call off what it wanted.
  for (const auto& [process, child] : children_) {
    if (book_.wanted(process, now) != ProcessFaultBook::State::running) book_.forget(process);
  }
  for (const auto& [process, child] : children_) {
    group_.hold(child, child_state(book_.wanted(process, now)));
  }
}

}  // namespace regent::cli
