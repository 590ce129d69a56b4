-- Makes of a container's record the message that shared/logs/runtime/shipped.py reads: one flat
-- object of texts. The key keeps the lines of one replica in one partition, in their order;
-- Fluent Bit takes it from a field at the top only.

local PREFIX = "astrocloud.dev/"

local function moment(timestamp)
    return os.date("!%Y-%m-%dT%H:%M:%S", timestamp.sec) .. string.format(".%09dZ", timestamp.nsec)
end

-- -1 drops a record, 2 replaces it and keeps its time.
function line(tag, timestamp, record)
    local pod = record["kubernetes"]
    local labels = pod and pod["labels"]
    if not labels then
        return -1, timestamp, record
    end
    local project, release = labels[PREFIX .. "project"], labels[PREFIX .. "release"]
    local account, process = labels[PREFIX .. "account"], labels[PREFIX .. "process"]
    if not (project and release and account and process) then
        return -1, timestamp, record
    end
    return 2, timestamp, {
        version = "1",
        key = project .. "/" .. pod["pod_name"],
        account = account,
        project = project,
        release = release,
        process = process,
        replica = pod["pod_name"],
        stream = record["stream"] == "stderr" and "stderr" or "stdout",
        time = moment(timestamp),
        text = (string.gsub(record["log"] or "", "[\r\n]+$", "")),
    }
end
