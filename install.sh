#!/bin/sh
# Installs PocketLLM for the user who runs it. In a checkout it builds the program with the pinned Bun; alone, or piped into sh, it takes
# a finished one from a folder of releases. Run with --help to see how. It touches nothing but its prefix and a cache folder.
set -eu

BUN_VERSION=1.4.5
ISSUE_NEXT="run this again"

main() {
	prefix=${POCKETLLM_PREFIX:-}
	after=nothing
	while [ $# -gt 0 ]; do
		case $1 in
		--serve) after=serve ;;
		--test)
			after="test"
			shift
			break
			;;
		--prefix)
			[ $# -ge 2 ] || misuse "--prefix needs a folder"
			prefix=$2
			shift
			;;
		--prefix=*) prefix=${1#--prefix=} ;;
		-h | --help)
			show_help
			exit 0
			;;
		*) misuse "there is no option $1" ;;
		esac
		shift
	done

	temporary=
	trap 'clean_up' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	checkout=$(find_checkout)

	if [ "$after" = test ]; then
		[ -n "$checkout" ] || fail "--test works in a checkout of PocketLLM only; clone it and run ./install.sh --test there"
		cd "$checkout"
		prepare_checkout
		exec bun test/run.ts "$@"
	fi

	detect_system
	choose_folder
	# Whoever names a folder of releases wants one of those, also in a checkout.
	if [ -n "$checkout" ] && [ -z "${POCKETLLM_RELEASES:-}" ]; then build_program; else download_program; fi
	put_in_place
	if [ "$after" = serve ]; then exec "$folder/pocketllm" serve; fi
	say "Start it with: $(how_to_call) serve"
}

show_help() {
	cat <<'HELP'
Installs PocketLLM for you: builds it in a checkout, downloads a release anywhere else.

  ./install.sh                 install into ~/.local/bin
  ./install.sh --serve         the same, then start the server
  ./install.sh --prefix DIR    install into DIR/bin
  ./install.sh --test [STAGE…] in a checkout: run all tests, or the named stages

Environment:
  POCKETLLM_PREFIX    as --prefix
  POCKETLLM_RELEASES  where releases are: an http or https URL, or a folder; it holds the programs and SHA256SUMS
HELP
}

say() { printf '%s\n' "$*"; }

fail() {
	printf 'install.sh: %s.\n' "$*" >&2
	exit 1
}

misuse() {
	printf 'install.sh: %s; see ./install.sh --help.\n' "$*" >&2
	exit 2
}

clean_up() {
	[ -z "$temporary" ] || rm -rf "$temporary"
}

has() { command -v "$1" >/dev/null 2>&1; }

# The folder of this file when it stands in a checkout; nothing when it stands alone or came through a pipe.
find_checkout() {
	case $0 in
	install.sh | */install.sh) ;;
	*) return 0 ;;
	esac
	place=$(CDPATH='' cd -- "$(dirname -- "$0")" 2>/dev/null && pwd -P) || return 0
	if [ -f "$place/cli/release/build.ts" ] && grep -q '"name": "pocketllm"' "$place/package.json" 2>/dev/null; then
		printf '%s\n' "$place"
	fi
}

# ---- which program this machine needs

detect_system() {
	case $(uname -s) in
	Linux) os=linux ;;
	Darwin) os=darwin ;;
	MINGW* | MSYS* | CYGWIN* | Windows*)
		fail "Windows is not served by this script; take pocketllm-windows-x64.exe from the releases, or use WSL"
		;;
	*) fail "there is no PocketLLM for $(uname -s); it runs on Linux and macOS" ;;
	esac
	case $(uname -m) in
	x86_64 | amd64) arch=x64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) fail "there is no PocketLLM for $(uname -m) processors; it runs on x86_64 and arm64" ;;
	esac
	# A shell under Rosetta says x86_64 on an arm64 machine.
	if [ $os = darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then arch=arm64; fi
	asset=pocketllm-$os-$arch
	if [ $os = linux ] && uses_musl; then asset=$asset-musl; fi
	if [ $os-$arch = linux-x64 ] && ! knows_avx2; then asset=$asset-baseline; fi
}

uses_musl() {
	if has ldd; then
		# musl's ldd knows no --version: it names itself on standard error and fails.
		ldd --version 2>&1 | grep -qi musl
	else
		ls /lib/ld-musl-*.so.1 >/dev/null 2>&1
	fi
}

# Without AVX2 the ordinary x64 program ends with an illegal instruction; the baseline one runs everywhere, so it is taken in doubt.
knows_avx2() {
	grep -qw avx2 "${POCKETLLM_CPUINFO:-/proc/cpuinfo}" 2>/dev/null
}

# ---- where it goes

choose_folder() {
	if [ -z "$prefix" ]; then
		[ -n "${HOME:-}" ] || fail "there is no HOME to install into; name a folder with --prefix DIR"
		prefix=$HOME/.local
	fi
	case $prefix in
	/*) ;;
	*) prefix=$PWD/$prefix ;;
	esac
	folder=${prefix%/}/bin
	[ ! -d "$folder/pocketllm" ] || fail "$folder/pocketllm is a folder; move it away, or name another place with --prefix DIR"
	if ! mkdir -p "$folder" 2>/dev/null || ! temporary=$(mktemp -d "$folder/.pocketllm.XXXXXX" 2>/dev/null); then
		fail "$folder cannot be written to; name a folder of yours with --prefix DIR"
	fi
	program=$temporary/pocketllm
}

# Nothing of an older program is touched until the new one has shown that it runs.
put_in_place() {
	chmod 0755 "$program"
	version=$("$program" --version 2>/dev/null) ||
		fail "the new program does not run on this machine ($asset), so nothing was installed; please report this with the output of uname -a"
	mv -f "$program" "$folder/pocketllm" || fail "$folder/pocketllm cannot be replaced; remove it, then $ISSUE_NEXT"
	clean_up
	temporary=
	say "Installed $folder/pocketllm ($version)."
	is_on_path || say "$folder is not on your PATH; add it with: export PATH=\"$folder:\$PATH\""
}

is_on_path() {
	case ":$PATH:" in
	*":$folder:"*) return 0 ;;
	*) return 1 ;;
	esac
}

how_to_call() {
	if is_on_path; then printf 'pocketllm'; else printf '%s/pocketllm' "$folder"; fi
}

# ---- from a checkout

build_program() {
	(
		cd "$checkout"
		prepare_checkout
		say "Building PocketLLM …"
		bun run --silent build || fail "the build failed, see above"
	) || exit 1
	cp "$checkout/dist/pocketllm" "$program" || fail "there is no dist/pocketllm, or no room for it in $folder; see above"
}

prepare_checkout() {
	find_bun
	bun install --frozen-lockfile || fail "the dependencies could not be fetched, see above; check the connection, then $ISSUE_NEXT"
}

# Puts the pinned Bun first on the PATH: the one that is there, one fetched earlier, or one that is fetched now.
find_bun() {
	if has bun && is_pinned bun; then return 0; fi
	bun_home=$(cache_folder)/bun-$BUN_VERSION
	if ! use_bun_of "$bun_home"; then
		say "Fetching Bun $BUN_VERSION …"
		fetch_bun
	fi
}

is_pinned() { [ "$("$1" --version 2>/dev/null || true)" = $BUN_VERSION ]; }

cache_folder() {
	if [ -n "${XDG_CACHE_HOME:-}" ]; then
		printf '%s/pocketllm\n' "$XDG_CACHE_HOME"
	elif [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/pocketllm" 2>/dev/null && [ -w "$HOME/.cache/pocketllm" ]; then
		printf '%s/.cache/pocketllm\n' "$HOME"
	else
		printf '%s/.cache\n' "$checkout"
	fi
}

# npm's packages hold one program for each kind of processor; where install scripts may not run, nothing has linked the right one yet.
use_bun_of() {
	for candidate in "$1"/node_modules/@oven/bun-*/bin "$1"/node_modules/.bin "$1"/bin; do
		if is_pinned "$candidate/bun"; then
			PATH=$candidate:$PATH
			export PATH
			return 0
		fi
	done
	return 1
}

fetch_bun() {
	part=$bun_home.$$
	mkdir -p "$part" 2>/dev/null || fail "$part cannot be written to; set XDG_CACHE_HOME to a folder of yours, then $ISSUE_NEXT"
	if has npm; then
		npm install --prefix "$part" --cache "$part/cache" --no-save --no-audit --no-fund --loglevel=error "bun@$BUN_VERSION" >"$part/log" 2>&1 || true
	fi
	if ! (use_bun_of "$part") && has curl && has bash; then
		curl -fsSL --connect-timeout 20 https://bun.sh/install 2>>"$part/log" | BUN_INSTALL=$part bash -s "bun-v$BUN_VERSION" >>"$part/log" 2>&1 || true
	fi
	if ! (use_bun_of "$part"); then
		tail -n 5 "$part/log" >&2 2>/dev/null || true
		rm -rf "$part"
		fail "Bun $BUN_VERSION could not be fetched; install npm or curl, check the connection, then $ISSUE_NEXT"
	fi
	rm -rf "$part/cache" "$part/log" "$bun_home"
	mv "$part" "$bun_home" 2>/dev/null || rm -rf "$part"
	use_bun_of "$bun_home" || fail "Bun $BUN_VERSION could not be kept in $bun_home; remove that folder, then $ISSUE_NEXT"
}

# ---- from a release

download_program() {
	releases=${POCKETLLM_RELEASES:-}
	releases=${releases%/}
	[ -n "$releases" ] || fail "there is no checkout here; set POCKETLLM_RELEASES to the URL or the folder of the releases, then $ISSUE_NEXT"
	# A password in the URL is not for the screen.
	shown=$(printf '%s\n' "$releases" | sed 's#//[^/@]*@#//#')
	case $releases in
	file://localhost/*) releases=${releases#file://localhost} ;;
	file:///*) releases=${releases#file://} ;;
	http://* | https://*)
		has curl || has wget || fail "curl or wget is needed to download; install one of them, then $ISSUE_NEXT"
		;;
	*://*) fail "POCKETLLM_RELEASES must be an http or https URL, or a folder" ;;
	*) [ -d "$releases" ] || fail "there is no folder $shown; set POCKETLLM_RELEASES to the folder or URL of the releases" ;;
	esac
	fetch SHA256SUMS "$temporary/SHA256SUMS" ||
		fail "there is no SHA256SUMS at $shown, so nothing was installed; check POCKETLLM_RELEASES, then $ISSUE_NEXT"
	expected=$(awk -v name="$asset" '$2 == name || $2 == "*" name { print tolower($1); exit }' "$temporary/SHA256SUMS")
	[ -n "$expected" ] || fail "the release at $shown has no $asset in its SHA256SUMS, so nothing was installed"
	say "Fetching $asset from $shown …"
	fetch "$asset" "$program" || fail "$asset could not be fetched from $shown, so nothing was installed; check the connection, then $ISSUE_NEXT"
	actual=$(sha256_of "$program")
	[ "$actual" = "$expected" ] ||
		fail "the checksum of $asset is not the one in SHA256SUMS, so nothing was installed; $ISSUE_NEXT, and tell whoever runs $shown if it stays so"
}

# fetch NAME FILE: one file of the release. An http answer other than 200 is a failure, never a file.
fetch() {
	# What was asked for over https is not taken over http, wherever it is sent on to.
	allowed='=https'
	case $releases in
	http://*) allowed='=http,https' ;;
	esac
	case $releases in
	http://* | https://*)
		if has curl; then
			curl -fsSL --proto "$allowed" --connect-timeout 20 --speed-limit 1 --speed-time 60 --retry 2 -o "$2" "$releases/$1" 2>/dev/null
		else
			wget -q -T 60 -O "$2" "$releases/$1" 2>/dev/null
		fi
		;;
	*) cp "$releases/$1" "$2" 2>/dev/null ;;
	esac
}

sha256_of() {
	if has sha256sum; then
		sha256sum <"$1" | cut -d ' ' -f 1
	elif has shasum; then
		shasum -a 256 <"$1" | cut -d ' ' -f 1
	else
		fail "sha256sum or shasum is needed to check the download; install one of them, then $ISSUE_NEXT"
	fi
}

# The last line, so that a download that broke off runs nothing.
main "$@"
