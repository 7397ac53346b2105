package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findNginx looks where Debian puts it, too: /usr/sbin is not on every user's PATH.
func findNginx() (string, error) {
	path, err := exec.LookPath("nginx")
	if err == nil {
		return path, nil
	}
	if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
		return "", errors.New("nginx is not installed (Debian: apt-get install nginx-light)")
	}
	return path, nil
}

// nginxConfig is what our handler does with a call, as far as nginx can: one worker a core as Go uses every core; bodies
// are read whole before they are passed on, in memory up to the same 1 MiB; answers are flushed as they come, through a
// buffer of the same 32 KiB; as many idle connections to the backends; an access log, in a file as ours is here. The
// limits of calls a connection are lifted.
const nginxConfig = `%s
worker_processes auto;
daemon off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 8192; }
http {
	access_log access.log;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	client_max_body_size 100m;
	client_body_buffer_size 1m;
	keepalive_requests 1000000000;
	tcp_nodelay on;
	upstream backends {
		%s
		keepalive 128;
		keepalive_requests 1000000000;
	}
	server {
		listen 127.0.0.1:%d reuseport;
		location = / { return 200 "ready\n"; }
		location / {
			proxy_pass http://backends;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header api-key of-the-backend;
			proxy_buffering off;
			proxy_buffer_size 32k;
			proxy_buffers 8 32k;
			proxy_busy_buffers_size 64k;
			proxy_request_buffering on;
			proxy_next_upstream error timeout http_429 http_500 http_502 http_503 http_504 non_idempotent;
		}
	}
}
`

// startNginx starts it in the foreground, with all its files in a folder of its own.
func (b *bench) startNginx(ctx context.Context) (*target, error) {
	path, err := findNginx()
	if err != nil {
		return nil, err
	}
	port, dir, err := b.place("nginx")
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for _, address := range b.direct.addresses {
		servers.WriteString("server " + address + "; ")
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // who may write to the folder
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, user, servers.String(), port), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "-p", dir, "-c", config, "-e", filepath.Join(dir, "error.log"))
	t := &target{name: "nginx", logs: []string{filepath.Join(dir, "access.log")}}
	_, err = b.launch(ctx, t, cmd, port)
	return t, err
}
