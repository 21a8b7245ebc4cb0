#include "region/process_signals.h"

#include <pthread.h>
#include <signal.h>

#include <string_view>

namespace regent {

namespace {

sigset_t waited_for() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

ProcessSignals::ProcessSignals() {
  const sigset_t set = waited_for();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

const char* ProcessSignals::wait() {
  const sigset_t set = waited_for();
  int signal = 0;
  while (sigwait(&set, &signal) != 0) {
  }
  if (signal == SIGHUP) return "SIGHUP";
  return signal == SIGINT ? "SIGINT" : "SIGTERM";
}

void ProcessSignals::end_at_once() {
  signal(SIGHUP, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  const sigset_t set = waited_for();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool asks_for_reload(const char* signal) {
  return std::string_view(signal) == "SIGHUP";
}

}  // namespace regent
