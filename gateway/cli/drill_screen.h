#pragma once

#include <string>
#include <vector>

#include "gateway/drill/drill_record.h"

namespace regent::cli {

// What a drill says while it runs: a line on standard output for each event and, on a terminal, one
// more below them that is written over and over: how things stand. One thread.
class DrillScreen {
 public:
  // Looks at standard output.
  DrillScreen();
  ~DrillScreen() { clear(); }
  DrillScreen(const DrillScreen&) = delete;
  DrillScreen& operator=(const DrillScreen&) = delete;

  void say(double at, const std::string& line);
  bool live() const { return width_ > 0; }
  void show(double at, const std::string& how_things_stand);

 private:
  void clear();

  std::size_t width_ = 0;  // of the terminal; 0: it is none
  bool shown_ = false;
};

// "us-west leads in epoch 2, lease 1.3 s; quorum 2/3; 34 writes taken, 2 not", as the gateways and
// the probe say.
std::string standing_text(const std::vector<GatewaySample>& gateways,
                          const std::vector<ProbeAnswer>& writes);

}  // namespace regent::cli
