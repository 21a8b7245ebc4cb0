#pragma once

#include <deque>
#include <sstream>
#include <string>

#include "region/simulation/schedule.h"

namespace regent::simulation {

// What happened last, for the reader of a failed run.
class Trace {
 public:
  // Keeps the last `lines`.
  Trace(const Schedule& schedule, std::size_t lines) : schedule_(schedule), kept_(lines) {}

  // `write` puts one line on a std::ostream; it is not called unless somebody wants to read it.
  template <typename Write>
  void operator()(const Write& write) {
    if (kept_ == 0) return;
    std::ostringstream line;
    line << schedule_.now().time_since_epoch().count() / 1000 << " us: ";
    write(line);
    lines_.push_back(line.str());
    if (lines_.size() > kept_) lines_.pop_front();
  }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  const Schedule& schedule_;
  std::size_t kept_;
  std::deque<std::string> lines_;
};

}  // namespace regent::simulation
