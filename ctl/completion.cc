#include "ctl/completion.h"

#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>

namespace skiptrain::ctl {
namespace {

// One command: the words that lead to it, and what may follow.
struct Place {
  std::string path;  // "schedule set"; empty for the root
  std::vector<const CLI::App*> commands;
  std::vector<std::string> flags;  // with dashes
};

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

void collect(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
  Place place{path, {}, flags_of(app)};
  for (const CLI::App* command : app.get_subcommands({})) place.commands.push_back(command);
  places.push_back(place);
  for (const CLI::App* command : place.commands) {
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(),
            places);
  }
}

std::string joined(const Place& place) {
  std::string words;
  for (const CLI::App* command : place.commands) words += command->get_name() + " ";
  for (const std::string& flag : place.flags) words += flag + " ";
  if (!words.empty()) words.pop_back();
  return words;
}

// The words after a flag that takes a value are not nouns; only the root's can come before one.
std::string bash_script(const std::vector<Place>& places) {
  std::ostringstream out;
  out << "# bash completion of skipctl; load it with: source <(skipctl completion bash)\n"
         "_skipctl() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word i skip=0\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n"
         "    if ((skip)); then skip=0; continue; fi\n"
         "    case \"$word\" in\n"
         "      -e|--endpoint|-o|--output|--timeout) skip=1 ;;\n"
         "      -*) ;;\n"
         "      *) case \"$path${path:+ }$word\" in\n";
  for (const Place& place : places) {
    if (!place.path.empty()) {
      out << "           \"" << place.path << "\") path=\"" << place.path << "\" ;;\n";
    }
  }
  out << "         esac ;;\n    esac\n  done\n  local words=\"\"\n  case \"$path\" in\n";
  for (const Place& place : places) {
    out << "    \"" << place.path << "\") words=\"" << joined(place) << "\" ;;\n";
  }
  out << "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  if [ ${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- \"$current\")); fi\n"
         "}\n"
         "complete -F _skipctl skipctl\n";
  return out.str();
}

std::string fish_quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("'\\", at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return "'" + text + "'";
}

std::string fish_script(const std::vector<Place>& places) {
  std::ostringstream out;
  out << "# fish completion of skipctl; load it with: skipctl completion fish | source\n";
  for (const Place& place : places) {
    std::string condition = "__fish_use_subcommand";
    if (!place.path.empty()) {
      condition = "__fish_seen_subcommand_from " + place.path.substr(place.path.rfind(' ') + 1);
    }
    for (const CLI::App* command : place.commands) {
      out << "complete -c skipctl -n '" << condition << "' -f -a " << command->get_name() << " -d "
          << fish_quoted(command->get_description()) << "\n";
    }
    for (const std::string& flag : place.flags) {
      out << "complete -c skipctl";
      // The root's flags may stand anywhere.
      if (!place.path.empty()) out << " -n '" << condition << "'";
      out << " -l " << flag.substr(2) << "\n";
    }
  }
  return out.str();
}

}  // namespace

std::string completion_script(const std::string& shell, const CLI::App& root) {
  std::vector<Place> places;
  collect(root, "", places);
  if (shell == "fish") return fish_script(places);
  if (shell == "zsh") {
    return "#compdef skipctl\n"
           "# zsh completion of skipctl; load it with: source <(skipctl completion zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(places);
  }
  return bash_script(places);
}

}  // namespace skiptrain::ctl
