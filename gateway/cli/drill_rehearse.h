#pragma once

#include <CLI/CLI.hpp>

namespace regent::cli {

// `regent drill rehearse`: the drill in simulated time, on the user's own topology.
void add_rehearse_command(CLI::App& drill, int& exit_code);

}  // namespace regent::cli
