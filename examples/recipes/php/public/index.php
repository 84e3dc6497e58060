<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (is_file(__DIR__ . $path) && $path !== '/index.php') {
    return false; // the file itself
}
if ($path === '/old') {
    header('Location: /hello', true, 302);
    exit;
}
header('Content-Type: text/html; charset=utf-8');
$name = htmlspecialchars($_POST['name'] ?? $_GET['name'] ?? 'PHP');
echo "<!doctype html><p>Hello, $name</p>";
