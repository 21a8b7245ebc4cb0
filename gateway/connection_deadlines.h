#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "quorum/types.h"

namespace regent {

// Ends connections that take too long over a request, however slowly their bytes trickle in: a
// time-out on each read alone would let one client hold a thread for ever. Any thread.
class ConnectionDeadlines {
 public:
  // One connection, watched while this lives.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Cuts the connection at `deadline`, unless this is called again before; kNever: not at all.
    void set(Instant deadline);

   private:
    friend class ConnectionDeadlines;
    Watch(ConnectionDeadlines& owner, int descriptor) : owner_(owner), descriptor_(descriptor) {}
    ConnectionDeadlines& owner_;
    const int descriptor_;  // our own copy, so that it cannot come to mean another connection
  };

  // Null when the process has no descriptor left. This must outlive the watch.
  std::unique_ptr<Watch> watch(int socket, Instant deadline);

  // Cuts what is due at `now`; kNever cuts everything. To be called about once a second.
  void cut_due(Instant now);

 private:
  std::mutex mutex_;
  std::map<int, Instant> deadlines_;  // by the watch's descriptor
};

}  // namespace regent
