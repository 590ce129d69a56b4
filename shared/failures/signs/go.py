"""Go: modules, versions and code that does not compile."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "go-mod-missing",
        r"go\.mod file not found in|cannot find main module|no modules? specified",
        r"no required module provides package (?P<module>[^\s;]+)",
        r"missing go\.sum entry(?: for (?:module providing package |go\.mod file; "
        r")?(?P<module>[^\s;]+))?",
        r"updates to go\.(?:mod|sum) needed|go: go\.mod needs? (?:updat|tidy)",
        r"cannot find (?:module providing )?package \"?(?P<module>[\w./-]+)|package "
        r"(?P<module2>[\w./-]+) is not in (?:std|GOROOT)",
        r"no Go files in|directory \S+ outside (?:available modules|main module)|go: warning: .* "
        r"matched no packages|malformed module path",
        r"module \S+@\S+ found \(\S+\), but does not contain package|is replaced but not required|"
        r"go\.mod has (?:non-).*",
        title=(
            "The code imports {module}, which is not in go.mod or go.sum.",
            "There is no go.mod in the root folder.",
        ),
        near=r"^go: to add module requirements|go mod tidy",
        tries=(
            'Run "go mod tidy" and commit go.mod and go.sum',
            "Set the root folder of the project to the one with go.mod",
        ),
        rank=Rank.SPECIFIC,
        unless=r"package (?:slices|maps|cmp|log/slog|iter|unique|weak|math/rand/v2|crypto/\w+|"
        r"embed|io/fs) is not in|requires go >= ",
    ),
    sign(
        "go-version",
        r"requires go >= ?(?P<wanted>[\d.]+\w*)(?: \(running go ?(?P<got>[\d.]+))?",
        r"invalid go version '(?P<wanted>[^']+)'|toolchain not available|note: module requires Go "
        r"(?P<wanted2>[\d.]+)",
        r"package (?P<name>slices|maps|cmp|log/slog|iter|unique|weak|math/rand/v2|embed|io/fs|"
        r"testing/synctest) is not in (?:std|GOROOT)",
        r"requires go(?:lang)?(?: version)? ?(?:>=? ?)?(?P<wanted>1\.\d+)|requires newer Go "
        r"version|unknown (?:block type: tool|directive: (?:toolchain|tool|godebug|ignore))|"
        r"go\.mod:\d+: unknown directive",
        r"(?:type parameters|generics|range over (?:integer|func)|min|max|clear) requires? "
        r"go1\.\d+|cannot range over \d+ .*requires go1|requires go1\.(?P<wanted>\d+) or later",
        title=(
            "go.mod asks for Go {wanted}, but the build has Go {got}.",
            "The code asks for Go {wanted}, which the build does not have.",
            "The code uses {name}, which this Go does not have.",
        ),
        tries=("Select a newer Go in the project settings", 'Lower the "go" line in go.mod'),
        rank=Rank.ROOT,
    ),
    sign(
        "go-compile-error",
        r"^(?:\./|\.\./)?(?P<file>[\w./-]+\.go):(?P<line>\d+)(?::\d+)?: (?!.*(?:no required "
        r"module|missing go\.sum|is not in std|is not in GOROOT|cannot find (?:module|package)|"
        r"requires go))(?P<what>.+)",
        r"import cycle not allowed|build constraints exclude all Go files|found packages \w+ "
        r"\(\S+\) and \w+",
        r"vet: (?P<file>\S+\.go):(?P<line>\d+)|^#? ?runtime/cgo$|cgo: C compiler \"[^\"]+\" not "
        r"found|undefined reference to `",
        r"use of internal package (?P<name>\S+) not allowed|is a program, not an importable "
        r"package|function main is undeclared",
        title=(
            "{file} line {line} does not compile: {what}.",
            "The Go code does not compile.",
        ),
        tries=("Correct {place}",),
        most=5,
        rank=Rank.GENERAL,
        unless=r"^panic: |^goroutine \d+ \[running\]",
    ),
)
