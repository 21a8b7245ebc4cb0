#pragma once

namespace regent {

// SIGTERM and SIGINT as something to wait for. Construct before any other thread is started, so
// that all threads inherit the blocked signals; then wait() on the main thread.
class StopSignal {
 public:
  StopSignal();
  // Blocks until one of the two arrives; returns its name ("SIGTERM").
  const char* wait();
};

}  // namespace regent
