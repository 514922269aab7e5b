// The daemons of a testbed in containers, one each, by the programs `docker` and `docker-compose`
// (or `docker compose`): they know where the engine is and what may be asked of it.
//
// The engine must be on this machine, as folders are mounted and control sockets are files in them,
// and must not map users (containers run as the user who calls).
#pragma once

#include "ctl/testbed/engine.h"

namespace skiptrain::ctl {

class DockerEngine final : public Engine {
 public:
  // kNotFound: no docker, no compose, no image; kUnreachable: no engine answers.
  Outcome<void> prepare(const TestbedOptions& options, TestbedState& state) const override;
  // Writes compose.yaml, .env and prometheus.yml.
  Outcome<void> lay_out(const TestbedOptions& options, const TestbedState& state) const override;
  // Containers outlive this process in any case; who must not leave them calls `end_all`.
  Outcome<void> start_all(TestbedState& state, bool outlive) const override;
  Outcome<void> end_all(TestbedState& state) const override;
  Outcome<std::vector<Standing>> look(const TestbedState& state) const override;
  std::string log_tail(const TestbedNode& node, std::size_t count) const override;
  std::string log_place(const TestbedNode& node) const override;
  Outcome<void> start(TestbedState& state, TestbedNode& node) const override;
  Outcome<void> stop(TestbedState& state, TestbedNode& node) const override;
  Outcome<void> kill(TestbedState& state, TestbedNode& node) const override;
  Outcome<void> cut_off(const TestbedState& state, const TestbedNode& node) const override;
  Outcome<void> reconnect(const TestbedState& state, const TestbedNode& node) const override;
};

}  // namespace skiptrain::ctl
