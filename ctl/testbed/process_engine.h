// The daemons of a testbed as processes of this machine, on loopback.
#pragma once

#include "ctl/testbed/engine.h"

namespace skiptrain::ctl {

// `start_all` and `start` save the state after each process, so that none is ever unaccounted for.
class ProcessEngine final : public Engine {
 public:
  Outcome<void> prepare(const TestbedOptions& options, TestbedState& state) const override;
  Outcome<void> lay_out(const TestbedOptions& options, const TestbedState& state) const override;
  Outcome<void> start_all(TestbedState& state, bool outlive) const override;
  Outcome<void> end_all(TestbedState& state) const override;
  Outcome<std::vector<Standing>> look(const TestbedState& state) const override;
  std::string log_tail(const TestbedNode& node, std::size_t count) const override;
  std::string log_place(const TestbedNode& node) const override;
  Outcome<void> start(TestbedState& state, TestbedNode& node) const override;
  Outcome<void> stop(TestbedState& state, TestbedNode& node) const override;
  Outcome<void> kill(TestbedState& state, TestbedNode& node) const override;
  // kPrecondition: all processes of a machine share its loopback network.
  Outcome<void> cut_off(const TestbedState& state, const TestbedNode& node) const override;
  Outcome<void> reconnect(const TestbedState& state, const TestbedNode& node) const override;
};

}  // namespace skiptrain::ctl
