#pragma once

namespace regent {

// SIGTERM, SIGINT and SIGHUP as something to wait for. Construct before any other thread is
// started, so that all threads inherit the blocked signals; then wait() on the main thread.
class ProcessSignals {
 public:
  ProcessSignals();
  // Blocks until one of them arrives; returns its name ("SIGTERM").
  const char* wait();
  // From now on SIGTERM and SIGINT end the process at once, and SIGHUP does nothing: for the time
  // in which it stops.
  void end_at_once();
};

// Whether it asks for a reload (SIGHUP), rather than for the end.
bool asks_for_reload(const char* signal);

}  // namespace regent
