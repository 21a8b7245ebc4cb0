#include "gateway/cli/drill_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace regent::cli {
namespace {

constexpr std::size_t kUsualWidth = 80;

}  // namespace

DrillScreen::DrillScreen() {
  if (isatty(STDOUT_FILENO) == 0) return;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  width_ = known ? size.ws_col : kUsualWidth;
}

void DrillScreen::say(double at, const std::string& line) {
  clear();
  std::printf("%7.2f s  %s\n", at, line.c_str());
  std::fflush(stdout);
}

void DrillScreen::show(double at, const std::string& how_things_stand) {
  if (!live()) return;
  char time[32];
  std::snprintf(time, sizeof time, "%7.2f s  ", at);
  // A line that wraps could not be written over.
  std::printf("\r%s\033[K", (time + how_things_stand).substr(0, width_ - 1).c_str());
  std::fflush(stdout);
  shown_ = true;
}

void DrillScreen::clear() {
  if (!shown_) return;
  std::printf("\r\033[K");
  std::fflush(stdout);
  shown_ = false;
}

std::string standing_text(const std::vector<GatewaySample>& gateways,
                          const std::vector<ProbeAnswer>& writes) {
  std::string text = "no primary";
  const auto serves = std::ranges::find_if(gateways, [](const GatewaySample& sample) {
    return sample.answered && sample.serving;
  });
  if (serves != gateways.end()) {
    char lease[32];
    std::snprintf(lease, sizeof lease, "%.1f s", serves->lease_ms / 1000);
    text = serves->region + " leads in epoch " + std::to_string(serves->epoch) + ", lease " +
           lease + "; quorum " + std::to_string(serves->weight) + "/" +
           std::to_string(serves->total);
  }
  const auto taken = std::ranges::count_if(writes, &ProbeAnswer::acknowledged);
  return text + "; " + std::to_string(taken) + " writes taken, " +
         std::to_string(static_cast<std::ptrdiff_t>(writes.size()) - taken) + " not";
}

}  // namespace regent::cli
