#include "gateway/connection_deadlines.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace regent {

ConnectionDeadlines::Watch::~Watch() {
  std::scoped_lock lock(owner_.mutex_);
  owner_.deadlines_.erase(descriptor_);
  close(descriptor_);
}

void ConnectionDeadlines::Watch::set(Instant deadline) {
  std::scoped_lock lock(owner_.mutex_);
  owner_.deadlines_[descriptor_] = deadline;
}

std::unique_ptr<ConnectionDeadlines::Watch> ConnectionDeadlines::watch(int socket,
                                                                       Instant deadline) {
  const int descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) return nullptr;
  std::unique_ptr<Watch> watch(new Watch(*this, descriptor));
  watch->set(deadline);
  return watch;
}

void ConnectionDeadlines::cut_due(Instant now) {
  std::scoped_lock lock(mutex_);
  for (const auto& [descriptor, deadline] : deadlines_) {
    if (deadline <= now) shutdown(descriptor, SHUT_RDWR);
  }
}

}  // namespace regent
