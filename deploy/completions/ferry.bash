# Completion of ferry(1) for bash. Peers and jobs are asked of ferryd; without an answer nothing is offered.

# The first column of what `ferry ...` lists, below its heading.
_ferry_names() {
    ferry "${_ferry_socket[@]}" "$@" 2>/dev/null | sed -e 1d -e 's/ .*//'
}

_ferry_takes_value() { # OPTION
    case $1 in
    --to | --on | --mode | --tcp | --address | --label | --as | --workload | --bandwidth | --lanes) ;;
    --fingerprint | --key | --known-hosts | --config | --socket | --peer-socket | --schedule | --probe) ;;
    --format | --compress | -o | --output | --out | -i | --in | --regex | --hex | --pid | --context | --limit) ;;
    --sign | --criu-version | --threads | --add-signature | --manifest | --signers) ;;
    *) return 1 ;;
    esac
}

# Sets _ferry_words to the command's words typed so far, without options and their values.
_ferry_split() {
    local i word
    _ferry_words=()
    _ferry_socket=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket)
            _ferry_socket=(--socket "${COMP_WORDS[i + 1]}")
            i=$((i + 1))
            ;;
        -*) ! _ferry_takes_value "$word" || i=$((i + 1)) ;;
        *) _ferry_words+=("$word") ;;
        esac
    done
}

_ferry_offer() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_ferry_value() {
    case $1 in
    --to | --on) _ferry_offer "$(_ferry_names peer list)" ;;
    --mode) _ferry_offer stop ;;
    --format) _ferry_offer "podman tar oci" ;;
    --compress) _ferry_offer "zstd gzip none" ;;
    --tcp) _ferry_offer "established close refuse" ;;
    --schedule) _ferry_offer "$(_ferry_names schedule list)" ;;
    --socket | --peer-socket | --key | --known-hosts | --config | -i | --in | -o | --out | --output | --sign | --add-signature | \
        --manifest | --signers) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    *) _ferry_takes_value "$1" ;;
    esac
}

_ferry_option() {
    local options="--socket --json --help --version"
    case ${_ferry_words[*]} in
    migrate*)
        options+=" --to --mode --tcp --address --file-locks --shell-job --ext-unix-sockets --link-remap --any-cpu --durable --dry-run"
        options+=" --bandwidth --lanes --detach"
        ;;
    "checkpoint create"*)
        options+=" --leave-running --label --tcp --file-locks --shell-job --ext-unix-sockets --link-remap --detach"
        ;;
    "checkpoint list"*) options+=" --workload" ;;
    "checkpoint restore"*) options+=" --as --on --tcp --detach" ;;
    "checkpoint replicate"*) options+=" --to --detach" ;;
    "checkpoint prune"*) options+=" --schedule --dry-run" ;;
    "checkpoint rehearse"*) options+=" --probe --detach" ;;
    "checkpoint verify"* | "checkpoint rm"*) options+=" --detach" ;;
    "checkpoint export"*) options+=" --format --compress --output --detach" ;;
    "checkpoint import"*) options+=" --as --detach" ;;
    "plan run"*) options+=" --dry-run --detach" ;;
    "job set"*) options+=" --bandwidth" ;;
    "peer add"*) options+=" --fingerprint --yes --key --known-hosts --config" ;;
    "job resolve"*) options+=" --commit --abort --yes" ;;
    dial*) options+=" --peer-socket" ;;
    "image decode"*) options+=" --in --out --pretty --nopl" ;;
    "image encode"*) options+=" --in --out" ;;
    "image search"*) options+=" --regex --hex --pid --context --limit" ;;
    "image show"*) options+=" --nopl" ;;
    "image manifest"*)
        options+=" --sign --label --criu-version --threads --add-signature --show --root --signature"
        ;;
    "image verify"*) options+=" --accept-lazy --manifest --signers" ;;
    "image x"*) options+=" --long" ;;
    esac
    _ferry_offer "$options"
}

_ferry_operand() {
    local commands="migrate plan checkpoint schedule job peer image status explain dial hold rehearse stand-in version help"
    case ${_ferry_words[*]} in
    "") _ferry_offer "$commands" ;;
    help) _ferry_offer "$commands" ;;
    plan | "help plan") _ferry_offer "check run" ;;
    job | "help job") _ferry_offer "list show watch cancel resolve set log" ;;
    checkpoint | "help checkpoint") _ferry_offer "create list show verify rehearse restore replicate rm export import pin unpin prune" ;;
    "checkpoint create") _ferry_offer "process/ runc/ podman/" ;;
    "checkpoint import") mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    "checkpoint list" | "checkpoint prune") ;;
    schedule | "help schedule") _ferry_offer "add list run pause resume rm" ;;
    "schedule add") mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    "schedule list") ;;
    "schedule "*) _ferry_offer "$(_ferry_names schedule list)" ;;
    "checkpoint "*) _ferry_offer "$(_ferry_names checkpoint list)" ;;
    peer | "help peer") _ferry_offer "add list check" ;;
    image | "help image") _ferry_offer "decode encode show info x verify search manifest diff" ;;
    "image show" | "image info" | "image verify" | "image search" | "image diff" | "image manifest") mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    "image x") mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}") ;;
    "image x "*) _ferry_offer "ps fds mems rss sk" ;;
    "plan check" | "plan run") mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
    "job show" | "job watch" | "job cancel" | "job resolve" | "job set" | "job log") _ferry_offer "$(_ferry_names job list)" ;;
    explain)
        _ferry_offer "$(_ferry_names job list)"
        [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
        ;;
    "peer check") _ferry_offer "$(_ferry_names peer list)" ;;
    migrate) _ferry_offer "process/ runc/ podman/" ;;
    esac
}

_ferry() {
    local -a _ferry_words _ferry_socket
    COMPREPLY=()
    _ferry_split
    _ferry_value "${COMP_WORDS[COMP_CWORD - 1]}" && return
    case ${COMP_WORDS[COMP_CWORD]} in
    -*) _ferry_option ;;
    *) _ferry_operand ;;
    esac
}

complete -o bashdefault -F _ferry ferry
