#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

// The text cases beside the tests.
namespace regent {

inline std::filesystem::path cases_folder() {
  return REGENT_TOPOLOGY_CASES;
}

inline std::string read_case(const std::string& name) {
  std::ifstream in(cases_folder() / name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace regent
