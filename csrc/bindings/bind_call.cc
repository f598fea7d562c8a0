// Calls, and programs of several calls that run without Python in between.
#include "call.h"

#include <chrono>
#include <optional>
#include <vector>

#include "bind.h"

namespace smoothbit {
namespace {

class Program {
 public:
  explicit Program(nb::list calls) : owner_(calls) {
    for (nb::handle handle : calls) {
      const Call* call = nb::cast<const Call*>(handle);
      if (!steps_.empty() && !steps_.back().before && call->is_fed_by(*steps_.back().call))
        steps_.back() = {call, steps_.back().call};
      else
        steps_.push_back({call, nullptr});
    }
  }
  // Returns false when the time was over before the last call began. Ctrl-C ends a program between two calls.
  bool run(std::optional<double> timeout_s) const {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    Clock::time_point checked = start;
    nb::gil_scoped_release release;
    for (const Step& step : steps_) {
      const Clock::time_point now = Clock::now();
      if (timeout_s && std::chrono::duration<double>(now - start).count() >= *timeout_s) return false;
      if (now - checked >= kSignalInterval) {
        nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals()) throw nb::python_error();
        checked = now;
      }
      if (step.before) step.call->run_after(*step.before);
      else step.call->run();
    }
    return true;
  }

 private:
  static constexpr std::chrono::milliseconds kSignalInterval{50};

  struct Step {
    const Call* call;
    const Call* before;  // what is run with it, or null
  };

  nb::list owner_;  // keeps the calls alive
  std::vector<Step> steps_;
};

}  // namespace

void bind_call(nb::module_& module) {
  nb::class_<Call>(module, "Call").def("run", [](const Call& call) {
    nb::gil_scoped_release release;
    call.run();
  });
  nb::class_<Program>(module, "Program")
      .def(nb::init<nb::list>(), nb::arg("calls"))
      .def("run", &Program::run, nb::arg("timeout_s").none() = nb::none());
}

}  // namespace smoothbit
