#!/bin/bash
# A throw-away Slurm cluster on one machine: one controller, nodes n1 and n2 of which
# the second says that it has a GPU, and accounting: it takes the account `physics`
# and no other.
#
#   cluster.sh start DIR    write DIR/slurm.conf, start everything, wait for idle nodes
#   cluster.sh stop DIR     end all jobs and daemons of that DIR
#
# Callers then use:  export SLURM_CONF=DIR/slurm.conf
# A daemon that was killed comes back with:  slurmctld  or  slurmd -N n1
# Each start forgets the jobs of the last one. Everything listens on 127.0.0.1.
# Needs the packages slurm-wlm, munge, slurmdbd and mariadb-server.
# Settings: SLURM_PORT (first of five ports), SLURM_MAX_ARRAY, and SLURM_EXTRA
# (further lines for slurm.conf; the last one of a name counts).
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

die() {
    echo "$0: $*" >&2
    exit 1
}

write_conf() {
    local host node="CPUs=2 RealMemory=8000"
    host=$(hostname -s)
    cat >"$dir/slurm.conf" <<CONF
ClusterName=test$port
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
# A requeued job waits cred_expire seconds before it may start (default 120).
AuthInfo=socket=$dir/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.%n.log
# The cgroup plugins need more rights than most test machines give.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
# Believe the CPUs and the memory below, whatever the machine has.
SlurmdParameters=config_overrides
SlurmdTimeout=15
KillWait=5
MinJobAge=300
JobRequeue=1
# With 2 a node that was set down by hand would come back at once.
ReturnToService=1
MaxArraySize=${SLURM_MAX_ARRAY:-101}
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 3))
AccountingStoragePass=$dir/munge.socket
AccountingStorageEnforce=associations
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) $node
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) $node Gres=gpu:1
GresTypes=gpu
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
${SLURM_EXTRA:-}
CONF
}

write_other_confs() {
    # Any file serves where no device is kept from the jobs.
    echo "NodeName=n2 Name=gpu File=/dev/null" >"$dir/gres.conf"
    cat >"$dir/slurmdbd.conf" <<CONF
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 3))
SlurmUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
LogFile=$dir/slurmdbd.log
PidFile=$dir/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 4))
StorageUser=$(id -un)
CONF
    chmod 600 "$dir/slurmdbd.conf"
}

# A database for the accounting, the accounting, and its one account.
start_accounting() {
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$dir/sql" \
        --auth-root-authentication-method=normal --skip-test-db >"$dir/sql-install.log" 2>&1
    setsid mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/sql" --socket="$dir/sql.socket" \
        --port=$((port + 4)) --bind-address=127.0.0.1 --pid-file="$dir/sql.pid" \
        --skip-grant-tables --innodb-buffer-pool-size=64M >"$dir/slurm-sql.log" 2>&1 &
    answers mariadb --no-defaults -h127.0.0.1 -P$((port + 4)) -e 'select 1'
    slurmdbd
    answers sacctmgr -n list cluster
    sacctmgr -iQ add cluster "test$port" >/dev/null
    sacctmgr -iQ add account physics >/dev/null
    sacctmgr -iQ add user "$(id -un)" account=physics >/dev/null
}

# Waits until a command succeeds.
answers() {
    for _ in $(seq 200); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    die "no answer of '$*'; see the logs in $dir"
}

# Ids of Slurm's, munge's and the database's own processes: they hold a log in DIR open.
own_processes() {
    local pid
    for pid in $(find /proc/[0-9]*/fd -maxdepth 1 \( -lname "$dir/slurm*.log*" \
        -o -lname "$dir/munged.log*" \) 2>/dev/null | cut -d/ -f3 | sort -u); do
        case $(readlink "/proc/$pid/exe" || true) in
        */slurm* | */munged* | */mariadbd*) echo "$pid" ;;
        esac
    done
}

# Ids of the processes of jobs: their environment names the cluster and its file.
job_processes() {
    local file
    for file in $(grep -lzxsF "SLURM_CLUSTER_NAME=test$port" /proc/[0-9]*/environ || true); do
        ! grep -qzxsF "SLURM_CONF=$dir/slurm.conf" "$file" || echo "$file" | cut -d/ -f3
    done
}

start() {
    local p
    [ -z "$(own_processes)" ] || die "a cluster runs in $dir already"
    for p in $(seq "$port" $((port + 4))); do
        ! (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null || die "port $p is taken; set SLURM_PORT"
    done
    rm -rf "$dir"/state "$dir"/spool.n[12] "$dir"/slurm*.log "$dir"/munge* "$dir"/sql*
    mkdir -p "$dir/state" "$dir/spool.n1" "$dir/spool.n2"
    write_conf
    write_other_confs
    (umask 077 && head -c 128 /dev/urandom >"$dir/munge.key")
    # --force: munged likes no directory that others may write to, such as /tmp.
    if ! { munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" \
        --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" &&
        start_accounting && slurmctld && slurmd -N n1 && slurmd -N n2; }; then
        stop
        die "a daemon did not start"
    fi
    for _ in $(seq 300); do
        [ "$(sinfo -h -p main -t idle -o %D 2>/dev/null)" != 2 ] || return 0
        sleep 0.2
    done
    stop
    die "the nodes were not idle after 60 seconds; see the logs in $dir"
}

# Ends the jobs at once and the daemons gently; after 5 seconds kills what is left.
stop() {
    local try pid signal=TERM
    for try in $(seq 100); do
        [ -n "$(own_processes)$(job_processes)" ] || return 0
        [ "$try" -lt 50 ] || signal=KILL
        for pid in $(own_processes); do
            case $(readlink "/proc/$pid/exe" || true) in
            */slurmstepd*) kill -KILL "$pid" 2>/dev/null || true ;;
            *) kill -"$signal" "$pid" 2>/dev/null || true ;;
            esac
        done
        for pid in $(job_processes); do kill -KILL "$pid" 2>/dev/null || true; done
        sleep 0.1
    done
    die "some processes of $dir would not end"
}

[ $# = 2 ] || die "usage: $0 start|stop DIR"
dir=$(realpath -m -- "$2")
[[ $dir =~ ^[A-Za-z0-9/._-]{1,70}$ ]] || die "DIR: at most 70 letters, digits and / . _ -"
export SLURM_CONF=$dir/slurm.conf
port=${SLURM_PORT:-26817}
case $1 in
start) start ;;
stop)
    # The port that this cluster was started with.
    [ ! -f "$SLURM_CONF" ] || port=$(sed -n 's/^SlurmctldPort=//p' "$SLURM_CONF")
    stop
    ;;
*) die "usage: $0 start|stop DIR" ;;
esac
